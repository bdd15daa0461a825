// A browser, as it is, that opens a page by way of the proxy and says what the page says of itself.
'use strict';

const { chromium } = require('playwright-core');

async function main() {
  const proxy = process.env.WEB_PROXY && new URL(process.env.WEB_PROXY);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--proxy-bypass-list=<-loopback>'],
    proxy: proxy && { server: `http://${proxy.host}`, username: proxy.username, password: proxy.password, bypass: '<-loopback>' },
    timeout: 120_000,
  });
  const page = await (await browser.newContext()).newPage();
  page.on('console', (message) => console.error(`page: ${message.text()}`));
  page.on('requestfailed', (request) => console.error(`failed: ${request.url()} ${request.failure().errorText}`));
  await page.goto(`${process.env.WEB_URL}/page`, { timeout: 120_000 });
  await page.waitForFunction(() => document.getElementById('state').textContent !== 'loading', null, { timeout: 120_000 });
  console.log(await page.textContent('#state'));
  await browser.close();
}

main().catch((error) => { console.error('Error', error); process.exit(1); });
