"""The fields of `settings.Settings`, by subject. Values that are derived from them are in settings.py."""
