// A channel system on Kafka: takes commands, acts once for each, reports outcomes.
//
//   node dist/channel.js BOOTSTRAP COMMANDS OUTCOMES FILE
//
// `act` is where your channel does its work. A kill between that and the line in the file repeats
// it: so pass on the action_id as the idempotency key of your provider.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import kafkajs, { type EachBatchPayload, type Producer } from "kafkajs";
import lz4js from "lz4js";

const { CompressionCodecs, CompressionTypes, Kafka } = kafkajs;

// cjo-stream packs its records by LZ4, which kafkajs does not bring.
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder: { buffer: Buffer }) => Buffer.from(lz4js.compress(encoder.buffer)),
  decompress: async (buffer: Buffer) => Buffer.from(lz4js.decompress(buffer)),
});

interface Command {
  schema: "cjo.action.v1";
  action_id: string;
  customer_id: string;
  action: string;
  channel: string;
  template: string | null;
  payload: Record<string, unknown>;
  address: { type: string; value: string } | null;
  expires_at: number;
}

/** Does what a command says; returns its outcome. Here it prints. */
async function act(command: Command): Promise<string> {
  console.log(command.action_id, JSON.stringify(command.payload));
  return "delivered";
}

/** The commands that were acted on, a line each, kept in a file that is forced to the disk. */
class Acted {
  private readonly outcomes = new Map<string, string>();
  private readonly file: number;

  constructor(path: string) {
    for (const line of existsSync(path) ? readFileSync(path, "utf8").split("\n") : []) {
      const [id, outcome, end] = line.split(" ");
      if (id && outcome && end === ".") {
        this.outcomes.set(id, outcome); // a line that a kill cut off has no end
      }
    }
    this.file = openSync(path, "a");
    writeSync(this.file, "\n");
  }

  outcome(id: string): string | undefined {
    return this.outcomes.get(id);
  }

  add(id: string, outcome: string): void {
    writeSync(this.file, `${id} ${outcome} .\n`);
    fsyncSync(this.file);
    this.outcomes.set(id, outcome);
  }

  close(): void {
    closeSync(this.file);
  }
}

function read(value: Buffer | null): Command | null {
  try {
    const found: unknown = JSON.parse(value?.toString("utf8") ?? "");
    const isOne = (found as Partial<Command> | null)?.schema === "cjo.action.v1";
    return isOne ? (found as Command) : null;
  } catch {
    return null;
  }
}

/** The event cjo.outcome; its id is the same at each report, so the engine takes one. */
function report(id: string, outcome: string): string {
  return JSON.stringify({
    type: "cjo.outcome",
    time: Date.now(),
    id: `${id}-${outcome}`,
    attributes: { action_id: id, outcome },
  });
}

async function take(
  { batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }: EachBatchPayload,
  producer: Producer,
  outcomes: string,
  acted: Acted,
): Promise<void> {
  const reports = [];
  for (const message of batch.messages) {
    const command = read(message.value);
    if (command === null) {
      console.error(`no command: ${batch.topic}, offset ${message.offset}`);
      continue;
    }
    let outcome = acted.outcome(command.action_id);
    if (outcome === undefined) {
      if (command.expires_at <= Date.now()) {
        console.error(`expired: ${command.action_id}`);
        continue;
      }
      outcome = await act(command);
      acted.add(command.action_id, outcome);
    }
    reports.push({ key: command.customer_id, value: report(command.action_id, outcome) });
    await heartbeat();
  }
  if (reports.length > 0) {
    await producer.send({ topic: outcomes, acks: -1, messages: reports });
  }
  // Only now: what was not reported is taken again.
  const last = batch.messages.at(-1);
  if (last !== undefined) {
    resolveOffset(last.offset);
    await commitOffsetsIfNecessary();
  }
}

const [bootstrap, commands, outcomes, file] = process.argv.slice(2);
if (!bootstrap || !commands || !outcomes || !file) {
  console.error("usage: node dist/channel.js BOOTSTRAP COMMANDS OUTCOMES FILE");
  process.exit(2);
}
const kafka = new Kafka({ clientId: "channel-system", brokers: bootstrap.split(",") });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
// `readUncommitted: false` is isolation.level=read_committed.
const consumer = kafka.consumer({ groupId: "channel-system-typescript", readUncommitted: false });
const acted = new Acted(file);
await producer.connect();
await consumer.connect();
await consumer.subscribe({ topics: [commands], fromBeginning: true });
await consumer.run({
  autoCommit: true,
  autoCommitThreshold: 1,
  eachBatchAutoResolve: false,
  eachBatch: (payload) => take(payload, producer, outcomes, acted),
});
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, async () => {
    await consumer.disconnect();
    await producer.disconnect();
    acted.close();
  });
}
