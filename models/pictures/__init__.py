"""Pictures of products: their rows, how hostile files are decoded, and which files each picture gets.

The files themselves are in a store (`tasks/gateways/files/`), as `<picture id>/<width>.<ending>`.
"""

from models.pictures.changing import (
    TooManyPictures,
    add,
    check_processing,
    fail,
    forget,
    get,
    list_shown,
    publish,
    remove,
    remove_left_over,
    update,
)
from models.pictures.decoding import PictureRefused, UnsupportedPicture, decode, read_head
from models.pictures.reading import find_file, has_files, read_upload, select_pictures
from models.pictures.rendering import FORMATS, File, describe, render, widths_of
from models.pictures.tables import MAX_ALT, PICTURE_STATUS, Picture, Upload

__all__ = [
    "FORMATS",
    "MAX_ALT",
    "PICTURE_STATUS",
    "File",
    "Picture",
    "PictureRefused",
    "TooManyPictures",
    "UnsupportedPicture",
    "Upload",
    "add",
    "check_processing",
    "decode",
    "describe",
    "fail",
    "find_file",
    "forget",
    "get",
    "has_files",
    "list_shown",
    "publish",
    "read_head",
    "read_upload",
    "remove",
    "remove_left_over",
    "render",
    "select_pictures",
    "update",
    "widths_of",
]
