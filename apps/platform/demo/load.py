"""Fills a demo tenant's taxonomy."""

from apps.kernel import demo, messages
from apps.platform.contracts import TagChanged
from apps.platform.models import Tag, TagAssociation
from apps.tenancy import binding


def load_demo(*, tenant: binding.Placed) -> None:
    """Write the tags of a brand, once: a tenant that has tags, or is no demo tenant, is left alone.

    :param tenant: with a `slug` that the demo content knows.
    """
    content = demo.content()
    known = {brand.slug: brand for brand in content.BRANDS}
    brand = known.get(getattr(tenant, "slug", ""))
    if brand is None:
        return
    wanted = content.brand_tags(brand=brand)
    with binding.bind(tenant, writes="platform"):
        if Tag.objects.exists():
            return
        tags = {
            tag.name: Tag(
                name=tag.name,
                tag_type=tag.tag_type,
                color=tag.color,
                description=tag.description,
                keywords=[word.lower() for word in tag.keywords],
            )
            for tag in wanted
        }
        Tag.objects.bulk_create(tags.values())
        TagAssociation.objects.bulk_create(
            TagAssociation(tag=tags[tag.name], associated_tag=tags[other])
            for tag in wanted
            for other in tag.associated
            if other in tags and other != tag.name
        )
        # The rows were written in bulk, past the operations that would have told of them.
        messages.record_all(TagChanged(tag_id=tag.id, change="CREATED") for tag in tags.values())
