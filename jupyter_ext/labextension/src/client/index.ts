export { HubConnection } from './connection';
export { ServerHub } from './server';
