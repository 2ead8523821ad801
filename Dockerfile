# One image for all services of docker-compose.yml; they differ in their command.
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 shop && install -d -o shop /data /data/beat /counts /pictures
WORKDIR /app
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 SHOP_VAR=/data

# Locked libraries change less often than the code, so they have a separate layer.
# requirements-local.lock also contains the libraries of the sandboxes and the mailbox.
ARG REQUIREMENTS=requirements.lock
COPY requirements*.lock .
RUN pip install -r $REQUIREMENTS
COPY . .
RUN pip install --no-deps -e .

USER shop
CMD ["shop", "--help"]
