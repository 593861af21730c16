// The same package in CommonJS, and its handler in servers with types of their own.
import http = require('node:http');
import kyros = require('@kyros/sdk');
import { KyrosClient, webhookHandler } from '@kyros/sdk';

const client: KyrosClient = new kyros.KyrosClient();
const handler = webhookHandler('secret', (event) => console.log(event.type));
http.createServer(handler);
http.createServer((request, response) => handler(request, response));
export = client;
