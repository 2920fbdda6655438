import { Hono } from "hono";

const app = new Hono();
app.get("/", (c) => c.text("hello from deno"));

export default { fetch: app.fetch };
