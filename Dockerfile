# One image for every service of docker-compose.yml; the command says which one it is.
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 shop && install -d -o shop /data /data/beat
WORKDIR /app
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 SHOP_VAR=/data

# The locked libraries change less often than our code, so they have a layer of their own.
# requirements-local.lock has the sandboxes and the mailbox as well.
ARG REQUIREMENTS=requirements.lock
COPY requirements*.lock .
RUN pip install -r $REQUIREMENTS
COPY . .
RUN pip install --no-deps -e .

USER shop
CMD ["shop", "--help"]
