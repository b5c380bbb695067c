"""What the admin calls several of them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0004_messages"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="groupcelebrity",
            options={"verbose_name_plural": "group celebrities"},
        ),
        migrations.AlterModelOptions(
            name="preferences",
            options={"verbose_name_plural": "preferences"},
        ),
        migrations.AlterModelOptions(
            name="profilecounters",
            options={"verbose_name_plural": "profile counters"},
        ),
    ]
