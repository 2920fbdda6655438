FROM caddy:2
ENV PORT=10000
RUN printf '%s\n' \
    '{' \
    '	admin off' \
    '	auto_https off' \
    '	persist_config off' \
    '}' \
    ':{$PORT} {' \
    '	root * /srv' \
    '	encode zstd gzip' \
    '	respond /.rcn/* 404' \
    '	try_files {path} {path}/ {path}.html' \
    '	file_server' \
    '	handle_errors {' \
    '		rewrite * /404.html' \
    '		file_server' \
    '	}' \
    '}' >/etc/caddy/Caddyfile
COPY public/ /srv/
USER 1000:1000
EXPOSE 10000
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]
