# Dependencies, again only when their manifests change.
FROM {{base}} AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
{{#tool}}
RUN {{.}}
{{/tool}}
{{#node}}
COPY --from=node:{{node}}-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:{{node}}-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
COPY --from=node:{{node}}-slim /opt/ /opt/
{{/node}}
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv \
    UV_PROJECT_ENVIRONMENT=/opt/venv UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN --mount=type=cache,target={{cache}} {{.}}
{{/install}}
{{#built}}

FROM build AS app
{{#build_env}}
ARG {{.}}
{{/build_env}}
COPY . .
{{#build}}
RUN {{run}}
{{/build}}
{{#node}}
RUN rm -rf node_modules
{{/node}}
{{/built}}

FROM {{base}}
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PORT={{port}}
COPY --from=build /opt/venv /opt/venv
COPY {{#built}}--from=app {{/built}}--chown=app:app {{#built}}/app/{{/built}}{{^built}}.{{/built}} ./
USER app
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
