// The stock JavaScript client against a server of ours: argv is the port, the options as JSON, and what to do.
const [port, options, scenario] = process.argv.slice(2);
const root = require("path").resolve(__dirname, "..", "..");
const { io } = require(require.resolve("socket.io-client", { paths: [root] }));

const socket = io(`http://127.0.0.1:${port}/chat`, { reconnection: false, auth: { token: "x" }, ...JSON.parse(options) });
const say = (value) => console.log(JSON.stringify(value));
const end = () => { socket.disconnect(); setTimeout(() => process.exit(0), 20); };
setTimeout(() => { say("timeout"); process.exit(1); }, 8000);

socket.on("connect_error", (error) => { say(["connect_error", error.message, error.data ?? null]); process.exit(0); });
socket.on("disconnect", (reason) => say(["disconnect", reason]));
socket.onAny((name, value) => say([name, value]));

const scenarios = {
  echo() {
    socket.on("connect", () => {
      const start = () => socket.emit("echo", { text: "héllo", n: [1, 2.5, null] }, (answer) => {
        say(["ack", answer, socket.io.engine.transport.name]);
        end();
      });
      const engine = socket.io.engine;
      engine.transport.name === "polling" && engine.upgrades?.length ? engine.on("upgrade", start) : start();
    });
  },
  order() {
    const answers = [];
    for (let i = 0; i < 300; i++) socket.emit("echo", i, (answer) => { answers.push(answer); if (i === 299) { say(answers); end(); } });
  },
  listen() {
    socket.on("disconnect", () => setTimeout(() => process.exit(0), 50));
  },
};
scenarios[scenario]();
