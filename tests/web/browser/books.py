"""Books for the browser to find."""

from models import catalogue, inventory
from models.core.database import transaction

OPTICKS = "Opticks: or, a Treatise of the Reflexions, Refractions, Inflexions and Colours of Light"
BOOKS = (
    ("EMMA", "Emma", "Jane Austen", "Novels", 890, 12),
    ("ALICE", "Alice in Wonderland", "Lewis Carroll", "Novels", 1250, 7),
    ("MICRO", "Micrographia", "Robert Hooke", "Science", 3590, 1),
    ("ORIGIN", "On the Origin of Species", "Charles Darwin", "Science", 1999, 4),
    ("MIDDLE", "Middlemarch", "George Eliot", "Novels", 1490, 0),
    ("OPTICKS", OPTICKS, "Isaac Newton", "Science", 2750, 20),
    ("WALDEN", "Walden", "Henry David Thoreau", "Essays", 990, 9),
    ("FRANK", "Frankenstein", "Mary Shelley", "Novels", 790, 30),
)  # fmt: skip
"""SKU, title, author, category, price and stock."""


def fill_shelves() -> dict[str, str]:
    """Creates the books; title → product id."""
    made = {}
    with transaction() as session:
        books = catalogue.create_category(session, "Books")
        for name in ("Novels", "Science", "Essays"):
            catalogue.create_category(session, name, books.id)
        for sku, title, author, category, price, stock in BOOKS:
            about = f"{title} by {author}.\n\nA well-made edition on good paper, with a ribbon."
            book = {
                "sku": sku, "kind": "book", "title": title, "description": about, "price_amount": price,
                "currency": "EUR", "category": category, "attributes": {"pages": 320},
            }  # fmt: skip
            product = catalogue.create_book(session, book, {"name": author})
            made[title] = product.id
            if stock:
                inventory.adjust(session, product.id, stock, "opening stock")
    return made
