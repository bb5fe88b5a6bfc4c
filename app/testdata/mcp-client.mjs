// The official TypeScript client of MCP against ASSAY_URL and, with ASSAY_BIN, against
// `assay mcp` on standard streams.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import assert from 'node:assert';

const key = process.env.ASSAY_API_KEY;
const over = [new StreamableHTTPClientTransport(new URL(process.env.ASSAY_URL + '/mcp'), { requestInit: { headers: { Authorization: 'Bearer ' + key } } })];
if (process.env.ASSAY_BIN) over.push(new StdioClientTransport({ command: process.env.ASSAY_BIN, args: ['mcp'], env: { ...process.env } }));
for (const transport of over) {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  const { tools } = await client.listTools();
  const names = tools.map((t) => t.name);
  assert(names.includes('quote') && names.includes('account') && names.length <= 13, String(names));
  const good = await client.callTool({ name: 'quote', arguments: { assets: 'BTC' } });
  assert(!good.isError, JSON.stringify(good));
  assert.strictEqual(good.structuredContent.data.asset, 'BTC');
  assert.strictEqual(good.structuredContent.meta.simulated, true);
  assert.deepStrictEqual(JSON.parse(good.content[0].text), good.structuredContent);
  const bad = await client.callTool({ name: 'quote', arguments: { asset: 'BTC' } });
  assert(bad.isError && bad.content[0].text.includes('it has assets, quote'), JSON.stringify(bad));
  await client.close();
}
console.log('all is well: ' + over.length);
