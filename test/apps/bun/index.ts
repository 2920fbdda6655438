import { Hono } from "hono";

const app = new Hono();
app.get("/", (c) => c.text("hello from bun"));

export default { port: process.env.PORT, fetch: app.fetch };
