// A web app as small as they come: it listens where PORT says, tells what it
// runs on, and ends what it is at when asked to stop.
const express = require("express");
const os = require("node:os");

const app = express();
const started = new Date();

app.disable("x-powered-by");
app.get("/", (request, response) => {
  response.type("text/plain").send(
    `Hello from rcnbuild.\n` +
      `This is ${os.hostname()}, Node ${process.version}, ` +
      `up since ${started.toISOString()}.\n`,
  );
});

const server = app.listen(Number(process.env.PORT ?? 3000));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
