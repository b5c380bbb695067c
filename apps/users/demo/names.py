"""Pools from which fans are drawn: given names, family names, cities."""

# One text each: as a list of literals the pools would take 250 lines.
FIRST_NAMES: tuple[str, ...] = tuple(
    """
    Aaliyah Abena Adaeze Aino Akira Alejandra Alina Amara Amina Anahí Ananya Anders Aoife Arjun
    Astrid Ayşe Bao Beatriz Björn Bongani Camille Carlos Catarina Chidi Chloé Dagny Daniela Darius
    Demba Dilnoza Ebele Eirini Elif Emeka Enrique Esi Farah Fatoumata Feng Filip Freya Gabriela
    Giulia Goran Hana Haruto Hassan Hedda Hiroko Hye-jin Ibrahim Ileana Ines Ioana Isabela Ivan
    Jakub Jamila Javier Jia Joaquín Johanna Kaia Kalani Kamal Karim Katarzyna Keanu Khadija Kiri
    Kwame Lakshmi Lars Layla Léa Leila Lerato Linh Lorenzo Lucía Magnus Maja Malik Manaaki Mariam
    Marta Mateo Mehmet Mila Min-jun Miriam Moana Nadia Nikos Nia Nasrin Nomvula Olena Oluwaseun
    Omar Paloma Pania Parisa Pedro Phuong Piotr Priscila Rafael Rana Rashid Rosa Rúna Sanjay
    Santiago Selma Shanthi Siew Sinead Sofía Suda Tamar Tariq Tendai Thandi Tiago Tomoko Ulla
    Valentina Vikram Wanjiru Wei Xochitl Yara Yusuf Zainab Zanele Zofia
    """.split()
)

LAST_NAMES: tuple[str, ...] = tuple(
    """
    Abdi Acheampong Adeyemi Aguilar Ahmadi Alvarsson Amoah Andrade Aslan Bakker Banda Barzani
    Bekele Bergström Bianchi Botha Brennan Bui Camara Castellanos Chaudhry Chowdhury Cissé Costa
    Dahl Das Demir Diallo Dlamini Duarte Dvořák Eriksen Estrada Fakhoury Farouk Ferreira Fofana
    Fontaine Gallego Ganbaatar Gebre Georgiou Grünwald Guðmundsdóttir Gutiérrez Haddad Hakimi Hale
    Hernández Hoang Holm Horváth Huang Ibarra Ishikawa Iyer Jansen Jaramillo Jung Kahananui Kamau
    Kapoor Karlsen Kaya Keita Khalil Kim Kowalczyk Kozak Kruger Lehtonen Lim Lindgren Lopes Mahlangu
    Makoni Mansour Marinković Menon Mensah Mishra Mokoena Moreau Mutasa Nair Nakamura Ngata
    Nguyen Nilsen Novák Nowak Nwosu Obi Ochieng Okoye Oliveira Osei Paredes Patel Pereira Petrov
    Phiri Popescu Quispe Rahimi Ramos Rao Reinholt Rivas Rossi Saito Salazar Sato Shah Shevchenko
    Silva Simões Sithole Sørensen Suleiman Szabó Tadesse Takahashi Tan Tautahi Thapa Toledo Traoré
    Tuilagi Usman Valdés Vargas Verma Wambui Wanjala Yamamoto Yılmaz Zhang Zulu
    """.split()
)

CITIES: tuple[str, ...] = (
    "Accra", "Auckland", "Bergen", "Bogotá", "Brno", "Cape Town", "Chennai", "Cork", "Dakar",
    "Detroit", "Galway", "Gdańsk", "Hanoi", "Honolulu", "İzmir", "Jaipur", "Kigali", "Lagos",
    "Leeds", "Lisbon", "Ljubljana", "Lyon", "Manila", "Mérida", "Montréal", "Nairobi", "Osaka",
    "Porto Alegre", "Rotterdam", "Seoul", "Tampere", "Tbilisi", "Toronto", "Tunis", "Valparaíso",
    "Wellington",
)  # fmt: skip
