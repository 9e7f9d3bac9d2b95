import { start } from './share';

const element = document.getElementById('progress-kit');
if (element !== null) {
  start(element);
}
