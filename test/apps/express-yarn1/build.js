// Stands for a compiler: what is served is made while building.
import fs from "node:fs";

fs.mkdirSync("dist", { recursive: true });
fs.copyFileSync("server.js", "dist/server.js");
