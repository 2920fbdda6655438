const http = require("node:http");

http
  .createServer((req, res) => res.end("hello from my own Dockerfile\n"))
  .listen(8080);
