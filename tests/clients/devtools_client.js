// Opens HAR files in the network panel of Chromium's developer tools, as a person does, and says what stands there.
//
// What to open is JSON on standard input: `[{"file": …, "looks": [{"row": 0, "tab": …, "until": […]}]}]`. A look opens
// a request's tab and waits for texts on it; with `keys` it presses these in the body first. What it says is JSON too.
'use strict';

const fs = require('node:fs');

const { chromium } = require('playwright-core');

const TOOLS = 'devtools://devtools/bundled/devtools_app.html';
const PATIENCE = 120_000;
const WIDTH = 1600;
const HEIGHT = 1000;
const ROW_HEIGHT = 25;
const COLUMNS = ['method', 'status', 'protocol', 'type', 'size', 'time'];

// The texts that are visible below an element, in order, whatever part of the page they are nested in.
function texts(element) {
  const found = [];
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE && node.textContent.trim()) found.push(node.textContent.trim());
    if (node.nodeType === Node.ELEMENT_NODE) {
      if (['STYLE', 'SCRIPT', 'TEMPLATE'].includes(node.tagName)) return;
      if (getComputedStyle(node).display !== 'contents' && !node.checkVisibility()) return;
      // A line of a text is in pieces, one for each colour.
      if (node.classList.contains('cm-line')) return found.push(node.textContent);
    }
    const inner = node.tagName === 'SLOT' ? node.assignedNodes() : (node.shadowRoot || node).childNodes;
    inner.forEach(visit);
  };
  visit(element);
  return found;
}

// What the rows of requests say.
function columns(rows, names) {
  return rows.map((row) => {
    const said = { url: row.querySelector('td.name-column').title };
    for (const name of names) {
      // Behind it stands what only large rows show.
      const first = row.querySelector(`td.${name}-column`).firstChild;
      said[name] = first ? first.textContent : '';
    }
    return said;
  });
}

// What the pane of a request shows on one of its tabs.
async function look(page, row, { tab, until, keys }) {
  await row.locator('td.name-column').click();
  const pane = page.locator('.network-item-view').filter({ visible: true });
  await pane.getByRole('tab', { name: tab, exact: true }).click();
  for (const text of until) {
    const awaited = pane.getByText(text).first();
    // The body may come after the place for it.
    const end = Date.now() + PATIENCE;
    while (keys && !(await awaited.isVisible()) && Date.now() < end) {
      await pane.locator('.cm-content').press(keys);
      await page.waitForTimeout(100);
    }
    await awaited.waitFor();
  }
  const shown = await pane.evaluate(texts);
  await pane.getByRole('button', { name: 'Close' }).click();
  await pane.waitFor({ state: 'hidden' });
  return shown;
}

async function open(page, { file, looks }) {
  await page.goto(TOOLS);
  await page.getByRole('tab', { name: 'Network', exact: true }).click();
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Import HAR' }).click();
  await (await chooser).setFiles(file);
  const rows = page.locator('.network-log-grid tr.data-grid-data-grid-node');
  const { entries } = JSON.parse(fs.readFileSync(file)).log;
  // Only those rows are drawn for which there is room.
  await page.setViewportSize({ width: WIDTH, height: HEIGHT + entries.length * ROW_HEIGHT });
  await rows.nth(entries.length - 1).waitFor();
  const requests = await rows.evaluateAll(columns, COLUMNS);
  const seen = [];
  for (const one of looks) seen.push(await look(page, rows.nth(one.row), one));
  return { requests, looks: seen };
}

async function main() {
  const pieces = [];
  for await (const piece of process.stdin) pieces.push(piece);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    timeout: PATIENCE,
  });
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => console.error(`page: ${error}`));
  // The columns that a person has chosen.
  const chosen = JSON.stringify(Object.fromEntries(COLUMNS.map((name) => [name, { visible: true }])));
  await page.goto(TOOLS);
  await page.evaluate((value) => InspectorFrontendHost.setPreference('network-log-columns', value), chosen);
  const seen = [];
  for (const one of JSON.parse(Buffer.concat(pieces))) seen.push(await open(page, one));
  console.log(JSON.stringify(seen));
  await browser.close();
}

main().catch((error) => { console.error('Error', error); process.exit(1); });
