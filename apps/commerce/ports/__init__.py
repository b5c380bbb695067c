"""What commerce needs of the world outside: who moves money, and what keeps secrets."""
