"""Settings of a shop in production."""

PRODUCTION = {
    "secret_key": "s" * 40, "flower_password": "f" * 20, "stripe_webhook_secret": "w" * 20,
    "carrier_webhook_secret": "c" * 20, "stripe_api_key": "sk_live_1", "stripe_api_base": "https://api.stripe.com",
    "carrier_api_key": "", "smtp_url": "smtp+starttls://mail.example",
}  # fmt: skip
