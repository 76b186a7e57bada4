// The Node peer: socket.io as its documentation sets it up, with the same few handlers as every other peer.
// Started and stopped by the bench; options come as one JSON argument, orders as JSON lines on standard input.
import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { jwtVerify } from "jose";
import { createClient } from "redis";
import { Server } from "socket.io";

const options = JSON.parse(process.argv[2]);
const CROWD = "crowd";

async function adapter() {
  if (!options.redis_url) return undefined;
  const client = createClient(
    options.redis_url.startsWith("unix://")
      ? { socket: { path: decodeURIComponent(options.redis_url.slice("unix://".length)) } }
      : { url: options.redis_url },
  );
  client.on("error", (error) => console.error(error));
  await client.connect();
  return createAdapter(client, { maxLen: 100_000 });
}

const key = options.jwk && createPublicKey({ key: options.jwk, format: "jwk" });
const expected = { algorithms: ["EdDSA"], issuer: options.issuer, audience: options.audience, typ: "at+jwt" };

// The same checks without jose, synchronous: what a server that counts every microsecond would write.
function verified(token) {
  const [header, payload, signature, ...rest] = token.split(".");
  const { alg, typ } = JSON.parse(Buffer.from(header, "base64url").toString());
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const sound = verify(null, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
  const now_s = Date.now() / 1000;
  if (!sound || rest.length || alg !== "EdDSA" || typ !== "at+jwt") throw new Error("signature");
  if (claims.iss !== options.issuer || claims.aud !== options.audience) throw new Error("issuer or audience");
  if (!(claims.exp > now_s) || claims.iat > now_s + 5) throw new Error("time");
  return claims;
}

async function claimsOf(token) {
  if (options.verify === "sync") return verified(token);
  return (await jwtVerify(token, key, expected)).payload;
}

const http = createServer();
const io = new Server(http, {
  adapter: await adapter(),
  pingInterval: options.ping_interval_s * 1000,
  pingTimeout: options.ping_timeout_s * 1000,
});

if (options.jwk) {
  io.use(async (socket, next) => {
    try {
      socket.data.claims = await claimsOf(socket.handshake.auth.token);
      next();
    } catch {
      next(new Error("auth_failed"));
    }
  });
}

io.on("connection", (socket) => {
  if (socket.handshake.auth.room) socket.join(socket.handshake.auth.room);
  socket.on("say", (message) => io.to(CROWD).emit("said", message));
});

const orders = {
  collect: () => global.gc(),
  count: () => io.engine.clientsCount,
  rooms: (count) => {
    const sockets = [...io.of("/").sockets.values()];
    for (let i = 0; i < count; i++) sockets[i % sockets.length].join(`room ${i}`);
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [order, ...args] = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(orders[order](...args) ?? null)}\n`);
  })
  .on("close", () => process.exit(0));

http.listen(options.port ?? 0, "127.0.0.1", 4096, () => process.stdout.write(`${http.address().port}\n`));
