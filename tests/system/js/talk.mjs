// The stock client as people use it. Reads commands from standard input, one JSON array a line, and writes what
// happens, one JSON array a line: ["connect"], ["connect_error", message, data], ["disconnect", reason],
// ["fact", name, argument], ["ack", number, argument].
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, options] = [process.argv[2], JSON.parse(process.argv[3])];
const say = (...words) => process.stdout.write(JSON.stringify(words) + "\n");
const socket = io(url + "/chat", options);

socket.on("connect", () => say("connect", socket.io.engine.transport.name));
socket.io.engine.on("upgrade", (transport) => say("upgrade", transport.name));
socket.on("connect_error", (error) => say("connect_error", error.message, error.data ?? null));
socket.on("disconnect", (reason) => say("disconnect", reason));
socket.onAny((name, argument) => say("fact", name, argument));

createInterface({ input: process.stdin }).on("line", (line) => {
  const [number, name, payload] = JSON.parse(line);
  socket.timeout(8000).emit(name, payload, (error, answer) => say("ack", number, error ? null : answer));
}).on("close", () => process.exit(0));
