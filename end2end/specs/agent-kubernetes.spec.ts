// The metadata of pods from the API server of Kubernetes, and an agent that goes on without it.
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Api, unique } from '../fixtures/api.ts';
import { ApiServer, type Pod } from '../fixtures/kubernetes.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

const everything = { from: '1970-01-01T00:00:00Z', limit: '1000' };

/** A pod on node-1 with one container. */
function pod(name: string, metadata: Partial<Pod['metadata']> = {}, nodeName = 'node-1'): Pod {
  return {
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, ...metadata },
    spec: { nodeName, containers: [{ name: 'main', image: `registry.example.com/${name}:7` }] },
  };
}

class Node {
  private constructor(
    readonly receiver: Program,
    readonly api: ApiServer,
  ) {}

  static async start(engines: { queue?: string; store?: string }): Promise<Node> {
    return new Node(await Program.start(engines), await ApiServer.create());
  }

  get pattern(): string {
    return this.receiver.file('pods/*/*/*.log');
  }

  /** Starts an agent that reads the logs of this node. */
  agent(...options: string[]): Promise<Program> {
    return Program.agent('--to', this.receiver.url, '--kubernetes', this.pattern, ...options);
  }

  /** Appends a line to the log of a pod, as the container runtime does. */
  write({ metadata }: Pod, text: string): void {
    const file = this.receiver.file(`pods/${metadata.namespace}_${metadata.name}_${metadata.uid}/main/0.log`);
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, `${new Date().toISOString()} stdout F ${text}\n`);
  }

  /** Waits for the only record with this message. */
  async record(message: string): Promise<{ service: string; attributes: Record<string, unknown> }> {
    const find = () => new Api(this.receiver.url).logs(`"${message}"`, everything);
    await until(`${message} is stored`, async () => (await find()).length > 0);
    const found = await find();
    expect(found).toHaveLength(1);
    return found[0]! as unknown as { service: string; attributes: Record<string, unknown> };
  }

  async remove(agent: Program | undefined): Promise<void> {
    await agent?.remove();
    await this.api.remove();
    await this.receiver.remove();
  }
}

async function metadata(agent: Program): Promise<{ state: string; pods: number; error: string | null }> {
  const health = (await (await fetch(`${agent.url}/healthz`)).json()) as { inputs: { metadata: never }[] };
  return health.inputs[0]!.metadata;
}

/** Waits for a state of the API server, and for a part of the error. */
async function becomes(agent: Program, state: string, error = ''): Promise<void> {
  let last: unknown;
  await until(`the API server is ${state} ${error}`, async () => {
    const found = await metadata(agent);
    last = found;
    return found.state === state && (found.error ?? '').includes(error);
  }).catch((failure) => {
    throw new Error(`${failure}; the last state was ${JSON.stringify(last)}`);
  });
}

test('labels, workload, node and image of pods; changes, deletions and pods that are left out', async ({ engines }) => {
  const node = await Node.start(engines);
  const { api } = node;
  const name = unique('app');
  let agent: Program | undefined;
  try {
    const web = pod(`${name}-7d9f-x`, {
      labels: { 'app.kubernetes.io/name': name, team: 'a', 'pod-template-hash': '7d9f' },
      ownerReferences: [{ kind: 'ReplicaSet', name: `${name}-7d9f`, controller: true }],
    });
    const plain = pod(`${name}-plain`);
    const off = pod(`${name}-off`, { annotations: { 'logboom.enable': 'false' } });
    const elsewhere = pod(`${name}-elsewhere`, { labels: { app: name } }, 'node-2');
    for (const each of [web, plain, off, elsewhere]) {
      api.put(each);
      node.write(each, `first of ${each.metadata.name}`);
    }
    await api.start();
    agent = await node.agent(...api.options);

    const first = await node.record(`first of ${web.metadata.name}`);
    expect(first.service).toBe(name);
    expect(first.attributes).toMatchObject({
      'kubernetes.namespace': 'shop', 'kubernetes.pod': web.metadata.name, 'kubernetes.container': 'main',
      'kubernetes.pod_uid': web.metadata.uid, 'kubernetes.node': 'node-1', 'kubernetes.workload': name,
      'kubernetes.workload_kind': 'Deployment', 'kubernetes.labels.team': 'a',
      'kubernetes.labels.app.kubernetes.io/name': name, 'container.image.name': web.spec.containers[0]!.image,
    });
    expect(first.attributes).not.toHaveProperty('kubernetes.labels.pod-template-hash');
    const without = await node.record(`first of ${plain.metadata.name}`);
    expect(without).toMatchObject({ service: 'main', attributes: { 'kubernetes.node': 'node-1' } });
    const unknown = await node.record(`first of ${elsewhere.metadata.name}`);
    expect(unknown).toMatchObject({ service: 'main', attributes: { 'kubernetes.pod': elsewhere.metadata.name } });
    expect(unknown.attributes).not.toHaveProperty('kubernetes.labels.app');

    // A new pod whose file is there before the API server tells of it.
    const late = pod(`${name}-late`, { labels: { app: name, step: 'one' }, ownerReferences: [{ kind: 'StatefulSet', name: 'db', controller: true }] });
    node.write(late, `first of ${late.metadata.name}`);
    api.put(late);
    expect((await node.record(`first of ${late.metadata.name}`)).attributes).toMatchObject({
      'kubernetes.labels.step': 'one', 'kubernetes.workload': 'db', 'kubernetes.workload_kind': 'StatefulSet',
    });
    // The kubelet changes pods all the time; a label may change, too.
    api.put(pod(late.metadata.name, { labels: { app: name, step: 'two' } }));
    let lines = 0;
    await until('records have the new label', async () => {
      const line = `line ${(lines += 1)} of ${late.metadata.name}`;
      node.write(late, line);
      return (await node.record(line)).attributes['kubernetes.labels.step'] === 'two';
    });
    await until('four pods of the node are known', async () => (await metadata(agent!)).pods === 4);
    api.delete(late);
    await until('three pods are known', async () => (await metadata(agent!)).pods === 3);
    node.write(late, `last of ${late.metadata.name}`);
    expect((await node.record(`last of ${late.metadata.name}`)).service).toBe(name);

    // The pod is read again without the annotation, from there on.
    node.write(off, `second of ${off.metadata.name}`);
    const skipped = async () => (await fetch(`${agent!.url}/metrics`)).text();
    await until('both lines are left out', async () => (await skipped()).includes('logboom_agent_kubernetes_excluded_total 2'));
    api.put(pod(off.metadata.name));
    lines = 0;
    await until('the pod is read', async () => {
      node.write(off, `line ${(lines += 1)} of ${off.metadata.name}`);
      const found = await new Api(node.receiver.url).logs(`kubernetes.pod:${off.metadata.name}`, everything);
      return found.length > 0;
    });
    const read = await new Api(node.receiver.url).logs(`kubernetes.pod:${off.metadata.name}`, everything);
    expect(read.map(({ message }) => message).filter((message) => /first|second/.test(message))).toEqual([]);

    expect(await skipped()).toContain('logboom_agent_kubernetes_up 1');
    expect(await (await fetch(agent.url)).text()).toContain('metadata of 3 pods, API server up');
    expect(api.calls.every(({ agent }) => agent.startsWith('logboom/'))).toBe(true);
  } finally {
    await node.remove(agent);
  }
});

test('an API server that is down, refuses, forgets and breaks off delays no record', async ({ engines }) => {
  const node = await Node.start(engines);
  const { api } = node;
  const name = unique('app');
  let agent: Program | undefined;
  let count = 0;
  /** A new pod, known to the API server or not, with one line; returns its record. */
  const next = async () => {
    const each = pod(`${name}-${(count += 1)}`, { labels: { app: name } });
    api.put(each);
    node.write(each, `line of ${each.metadata.name}`);
    return node.record(`line of ${each.metadata.name}`);
  };
  const warnings = () => readFileSync(agent!.logFile, 'utf8').split('\n').filter((line) => line.includes('records of new pods get no metadata'));
  try {
    agent = await node.agent(...api.options);
    await becomes(agent, 'failing', 'cannot be reached');
    expect(await next()).toMatchObject({ service: 'main', attributes: { 'kubernetes.pod': `${name}-1` } });
    await api.start();
    await becomes(agent, 'up');
    expect(await next()).toMatchObject({ service: name });

    // The token was replaced, and the old one is no longer accepted.
    api.token = 'second';
    api.cut();
    await becomes(agent, 'failing', '401');
    expect(await next()).toMatchObject({ service: 'main' });
    api.mount('second');
    await becomes(agent, 'up');
    expect(await next()).toMatchObject({ service: name });

    api.isForbidden = true;
    api.cut();
    await becomes(agent, 'failing', 'ClusterRole');
    expect(await next()).toMatchObject({ service: 'main' });
    const page = await (await fetch(agent.url)).text();
    expect(page).toContain('get, list and watch on pods');
    api.isForbidden = false;
    await becomes(agent, 'up');
    expect(await next()).toMatchObject({ service: name });

    // A watch goes on from its last version, also from that of a bookmark.
    const lists = () => api.calls.filter(({ kind, status }) => kind === 'list' && status === 200).length;
    const listed = lists();
    const versions = new Set<string>();
    let turn = 0;
    await until('a watch goes on after a bookmark', async () => {
      if (api.calls.some(({ kind, version }) => kind === 'watch' && versions.has(version!))) return true;
      // A bookmark that no watch gets would be none.
      if (turn % 2 === 0 && !api.isWatched) return false;
      if ((turn += 1) % 2 === 1) versions.add(api.bookmark());
      else api.cut();
      return false;
    }, 120, 500);
    expect(await next()).toMatchObject({ service: name });
    expect(lists()).toBe(listed);

    // If that version is too old, there is a new list.
    for (const goneBy of ['status', 'event'] as const) {
      const before = lists();
      api.goneBy = goneBy;
      api.compact();
      api.cut();
      await until(`a list follows the ${goneBy} 410`, async () => lists() > before);
      expect(await next()).toMatchObject({ service: name });
    }
    // Three states were failures, and each is logged once however often it was met.
    expect(warnings().map((line) => /cannot be reached|401|403/.exec(line)?.[0])).toEqual(['cannot be reached', '401', '403']);
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    for (const reason of ['unavailable', 'token', 'forbidden', 'gone']) {
      expect(metrics).toContain(`logboom_agent_kubernetes_failures_total{reason="${reason}"}`);
    }
  } finally {
    await node.remove(agent);
  }
});

test('without the name of a node, the pods of all nodes are listed in pages', async ({ engines }) => {
  const node = await Node.start(engines);
  const { api } = node;
  const name = unique('app');
  let agent: Program | undefined;
  try {
    const pods = Array.from({ length: 600 }, (_, n) => pod(`${name}-${n}`, { labels: { app: name } }, `node-${n % 7}`));
    for (const each of pods) api.put(each);
    await api.start();
    agent = await node.agent(...api.options.slice(0, -2));
    await until('all pods are known', async () => (await metadata(agent!)).pods === pods.length);
    expect(api.calls.filter(({ kind }) => kind === 'list')).toMatchObject([{ version: null }, { version: null }, { version: null }]);
    node.write(pods.at(-1)!, `line of ${name}`);
    expect(await node.record(`line of ${name}`)).toMatchObject({ service: name, attributes: { 'kubernetes.node': 'node-4' } });
  } finally {
    await node.remove(agent);
  }
});

test('agent check asks the API server', async ({ engines }) => {
  const node = await Node.start(engines);
  const check = (...options: string[]) =>
    node.receiver
      .run('logboom', 'agent', 'check', '--to', node.receiver.url, '--kubernetes', node.pattern, ...options)
      .then((out) => ({ code: 0, out }), ({ code, stdout, stderr }) => ({ code, out: stdout + stderr }));
  const says = (code: number, out: string) => ({ code, out: expect.stringContaining(out) });
  try {
    expect(await check(...node.api.options)).toMatchObject(says(1, 'cannot be reached'));
    await node.api.start();
    expect(await check(...node.api.options)).toMatchObject(says(0, `the API server ${node.api.url} lists pods`));
    node.api.isForbidden = true;
    expect(await check(...node.api.options)).toMatchObject(says(1, 'get, list and watch on pods'));
    expect(await check('--kubernetes-api', 'off')).toMatchObject(says(0, 'no file matches yet'));
    const [, , token, file] = node.api.options;
    expect(await check('--kubernetes-api', 'http://127.0.0.1:1', token!, file!)).toMatchObject(says(1, 'use https://'));
  } finally {
    await node.remove(undefined);
  }
});
