# Dependencies, again only when their manifests change.
FROM python:3.13-slim AS build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv \
    UV_PROJECT_ENVIRONMENT=/opt/venv UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt

FROM build AS app
COPY . .
RUN SECRET_KEY=only-while-building python manage.py collectstatic --noinput

FROM python:3.13-slim
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PORT=10000
COPY --from=build /opt/venv /opt/venv
COPY --from=app --chown=app:app /app/ ./
USER app
EXPOSE 10000
CMD ["gunicorn", "site_config.wsgi", "--log-file", "-"]
