# Apache with PHP and what it is extended by, for building and for running.
FROM php:{{version}}-apache AS base
{{#extensions}}
COPY --from=mlocati/php-extension-installer /usr/bin/install-php-extensions /usr/local/bin/
RUN install-php-extensions {{.}}
{{/extensions}}
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
WORKDIR /app
RUN a2enmod rewrite headers && \
    mv "$PHP_INI_DIR/php.ini-production" "$PHP_INI_DIR/php.ini" && \
    echo 'Listen ${PORT}' >/etc/apache2/ports.conf && \
    printf '%s\n' \
    'ServerName localhost' \
    '<VirtualHost *:${PORT}>' \
{{#root}}
    '	DocumentRoot {{.}}' \
    '	<Directory {{.}}>' \
    '		AllowOverride All' \
    '		Require all granted' \
{{#spa}}
    '		FallbackResource /index.php' \
{{/spa}}
    '	</Directory>' \
{{/root}}
    '	<DirectoryMatch "/\.(git|svn|hg)">' \
    '		Require all denied' \
    '	</DirectoryMatch>' \
    '	ErrorLog /dev/stderr' \
    '	CustomLog /dev/stdout combined' \
    '</VirtualHost>' >/etc/apache2/sites-available/000-default.conf
ENV PORT={{port}} APP_ENV={{app_env}} APP_DEBUG=0 LOG_CHANNEL=stderr
{{#staged}}

# Packages, again only when their manifests change.
FROM base AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
{{#with_composer}}
COPY --from=composer:2 /usr/bin/composer /usr/local/bin/
{{/with_composer}}
{{#node}}
COPY --from=node:{{node}}-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:{{node}}-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
COPY --from=node:{{node}}-slim /opt/ /opt/
{{/node}}
ENV COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_CACHE_DIR=/root/.composer/cache
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN --mount=type=cache,target=/root/.composer/cache \
    --mount=type=cache,target=/root/.npm \
    {{.}}
{{/install}}
{{#build_env}}
ARG {{.}}
{{/build_env}}
COPY . .
{{#build}}
RUN {{run}}
{{/build}}
RUN rm -rf node_modules
{{/staged}}

FROM base
COPY {{#staged}}--from=build {{/staged}}--chown=www-data:www-data {{#staged}}/app/{{/staged}}{{^staged}}.{{/staged}} ./
USER www-data
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
