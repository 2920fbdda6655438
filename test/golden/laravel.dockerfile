# Apache with PHP and what it is extended by, for building and for running.
FROM php:8.4-apache AS base
COPY --from=mlocati/php-extension-installer /usr/bin/install-php-extensions /usr/local/bin/
RUN install-php-extensions intl gd bcmath opcache pcntl pdo_mysql pdo_pgsql zip
WORKDIR /app
RUN a2enmod rewrite headers && \
    mv "$PHP_INI_DIR/php.ini-production" "$PHP_INI_DIR/php.ini" && \
    echo 'Listen ${PORT}' >/etc/apache2/ports.conf && \
    printf '%s\n' \
    'ServerName localhost' \
    '<VirtualHost *:${PORT}>' \
    '	DocumentRoot /app/public' \
    '	<Directory /app/public>' \
    '		AllowOverride All' \
    '		Require all granted' \
    '		FallbackResource /index.php' \
    '	</Directory>' \
    '	<DirectoryMatch "/\.(git|svn|hg)">' \
    '		Require all denied' \
    '	</DirectoryMatch>' \
    '	ErrorLog /dev/stderr' \
    '	CustomLog /dev/stdout combined' \
    '</VirtualHost>' >/etc/apache2/sites-available/000-default.conf
ENV PORT=10000 APP_ENV=production APP_DEBUG=0 LOG_CHANNEL=stderr

# Packages, again only when their manifests change.
FROM base AS build
RUN apt-get update && apt-get install -y --no-install-recommends git unzip && \
    rm -rf /var/lib/apt/lists/*
COPY --from=composer:2 /usr/bin/composer /usr/local/bin/
COPY --from=node:24-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:24-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
COPY --from=node:24-slim /opt/ /opt/
ENV COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_CACHE_DIR=/root/.composer/cache
COPY composer.json composer.lock package.json ./
RUN --mount=type=cache,target=/root/.composer/cache \
    --mount=type=cache,target=/root/.npm \
    composer install --no-dev --no-interaction --prefer-dist --no-scripts --no-autoloader
RUN --mount=type=cache,target=/root/.composer/cache \
    --mount=type=cache,target=/root/.npm \
    npm install
COPY . .
RUN composer dump-autoload --no-dev --no-interaction --optimize
RUN npm run build
RUN rm -rf node_modules

FROM base
COPY --from=build --chown=www-data:www-data /app/ ./
USER www-data
EXPOSE 10000
CMD ["apache2-foreground"]
