import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IWords } from '../components';
import { MIME_TYPE, type OperationBundle, readBundle } from '../protocol';
import { IProgressHub } from '../tokens';
import { IHandling } from './handling';
import { LiveOperation } from './live-operation';

/** ipywidgets registers its view at −10: at a higher rank than that, a dead widget would win over a live operation. */
const RANK = -20;

/** Shows an operation in the output of a cell. */
export const mimePlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:mime',
  description: 'Renders the operations in the outputs of cells and keeps them live.',
  autoStart: true,
  requires: [IProgressHub, IHandling, IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    hub: IProgressHub,
    handling: IHandling,
    rendermime: IRenderMimeRegistry,
    translator: ITranslator | null
  ): void => {
    const words = (translator ?? nullTranslator).load('progress-kit');
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [MIME_TYPE],
        createRenderer: () => new OperationRenderer(hub, handling, words)
      },
      RANK
    );
  }
};

/**
 * Renders one output. It only reads the model: JupyterLab calls `renderModel` again after each `setData`, whoever
 * called that, so a renderer that writes would call itself.
 */
class OperationRenderer extends ReactWidget implements IRenderMime.IRenderer {
  constructor(
    private readonly _hub: IProgressHub,
    private readonly _handling: IHandling,
    private readonly _words: IWords
  ) {
    super();
    this.addClass('pk-output');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._bundle = readBundle(model.data[MIME_TYPE]);
    const plain = model.data['text/plain'];
    this._plain = typeof plain === 'string' ? plain : '';
    this.update();
    await this.renderPromise;
  }

  protected override render(): React.JSX.Element {
    return this._bundle === null ? (
      <pre>{this._plain}</pre>
    ) : (
      <LiveOperation
        hub={this._hub}
        handling={this._handling}
        bundle={this._bundle}
        words={this._words}
      />
    );
  }

  private _bundle: OperationBundle | null = null;
  private _plain = '';
}
