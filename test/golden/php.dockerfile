# Apache with PHP and what it is extended by, for building and for running.
FROM php:8.4-apache AS base
COPY --from=mlocati/php-extension-installer /usr/bin/install-php-extensions /usr/local/bin/
RUN install-php-extensions opcache
WORKDIR /app
RUN a2enmod rewrite headers && \
    mv "$PHP_INI_DIR/php.ini-production" "$PHP_INI_DIR/php.ini" && \
    echo 'Listen ${PORT}' >/etc/apache2/ports.conf && \
    printf '%s\n' \
    'ServerName localhost' \
    '<VirtualHost *:${PORT}>' \
    '	DocumentRoot /app' \
    '	<Directory /app>' \
    '		AllowOverride All' \
    '		Require all granted' \
    '	</Directory>' \
    '	<DirectoryMatch "/\.(git|svn|hg)">' \
    '		Require all denied' \
    '	</DirectoryMatch>' \
    '	ErrorLog /dev/stderr' \
    '	CustomLog /dev/stdout combined' \
    '</VirtualHost>' >/etc/apache2/sites-available/000-default.conf
ENV PORT=10000 APP_ENV=production APP_DEBUG=0 LOG_CHANNEL=stderr

FROM base
COPY --chown=www-data:www-data . ./
USER www-data
EXPOSE 10000
CMD ["apache2-foreground"]
