# php:V-apache: Debian's Apache and PHP, with the names of the official image.
FROM debian:trixie-slim
ARG PHP_VERSION
LABEL rcn.standin="PHP $PHP_VERSION and Apache from Debian"
RUN apt-get update -qq && apt-get install -qq -y \
    apache2 ca-certificates libapache2-mod-php$PHP_VERSION php$PHP_VERSION-cli && \
    apt-get clean && rm -rf /var/lib/apt/lists/* && \
    mkdir -p /usr/local/etc/php && \
    cp /usr/lib/php/$PHP_VERSION/php.ini-production /usr/local/etc/php/ && \
    chown -R www-data:www-data /var/log/apache2 /var/run/apache2 \
    /var/lock && \
    printf '%s\n' '#!/bin/sh' \
    '. /etc/apache2/envvars' \
    'rm -f "$APACHE_PID_FILE"' \
    'exec apache2 -DFOREGROUND "$@"' >/usr/local/bin/apache2-foreground && \
    chmod 755 /usr/local/bin/apache2-foreground
ENV PHP_VERSION=$PHP_VERSION PHP_INI_DIR=/usr/local/etc/php
COPY settings/ /
WORKDIR /var/www/html
STOPSIGNAL SIGWINCH
CMD ["apache2-foreground"]
