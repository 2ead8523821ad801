"""Pictures of products: uploading, describing, ordering and serving them."""

from api.pictures import files, views
from api.pictures.blueprint import blueprint

__all__ = ["blueprint", "files", "views"]
