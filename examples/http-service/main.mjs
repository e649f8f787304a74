// node examples/http-service/main.mjs [OUTPUTS]: starts the service on PORT (default 8080) of this machine.

import { buildService } from "./service.mjs";

const app = buildService({ outputs: process.argv[2] ?? "demo-output/service" });
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => app.close());
console.log(await app.listen({ port: Number(process.env.PORT ?? 8080), host: "127.0.0.1" }));
