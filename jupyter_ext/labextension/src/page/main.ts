import { start } from '.';

const element = document.getElementById('progress-kit');
if (element !== null) {
  start(element);
}
