import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { Completions, type IWords, type Permission } from '../components';
import type { InboxItem, Origin } from '../protocol';
import type { IProgressHub } from '../tokens';

/** Between the badge and the list, and between the list and the edges of the window. In pixels. */
const GAP_PX = 4;

export interface ICompletionsPopoverOptions {
  readonly hub: Pick<IProgressHub, 'inbox' | 'model' | 'send'>;
  readonly permission: {
    readonly state: Permission;
    readonly changed: ISignal<unknown, void>;
    ask(): Promise<Permission>;
  };
  readonly words: IWords;
  /** Go to where an operation ran. */
  readonly jump: (origin: Origin) => void;
}

/** The list of recent ends, below what opened it. It closes by a click elsewhere, by Escape, or when it led somewhere. */
export class CompletionsPopover {
  constructor(private readonly _options: ICompletionsPopoverOptions) {
    const changed = (): void => this._changed.emit();
    _options.hub.inbox.changed.connect(changed);
    _options.permission.changed.connect(changed);
  }

  /** Emitted when it was opened or closed. */
  get toggled(): ISignal<this, void> {
    return this._toggled;
  }

  get isOpen(): boolean {
    return this._widget !== null;
  }

  toggle(anchor: HTMLElement | null): void {
    if (this.isOpen) {
      this.close();
    } else {
      this.open(anchor);
    }
  }

  /** Open it below `anchor`, in the corner where there is none; what had the focus gets it back at the end. */
  open(anchor: HTMLElement | null): void {
    this.close();
    this._anchor = anchor;
    const focused = document.activeElement;
    this._before = anchor ?? (focused instanceof HTMLElement ? focused : null);
    const widget = ReactWidget.create(
      <UseSignal signal={this._changed}>{() => this._render()}</UseSignal>
    );
    widget.addClass('pk-completions-widget');
    const { style } = widget.node;
    const below = anchor?.getBoundingClientRect();
    style.top = `${(below?.bottom ?? 0) + GAP_PX}px`;
    const right = below === undefined ? 0 : window.innerWidth - below.right;
    style.right = `${Math.max(GAP_PX, right)}px`;
    this._widget = widget;
    Widget.attach(widget, document.body);
    document.addEventListener('pointerdown', this._onPointerDown, true);
    this._toggled.emit();
  }

  /** Close it. */
  close(): void {
    if (this._widget !== null) {
      document.removeEventListener('pointerdown', this._onPointerDown, true);
      this._widget.dispose();
      this._widget = null;
      this._toggled.emit();
    }
  }

  private _render(): React.JSX.Element {
    const { hub, permission, words } = this._options;
    return (
      <Completions
        items={hub.inbox.items}
        unread={hub.inbox.unread}
        clock={hub.model.clock}
        permission={permission.state}
        onOpen={item => this._follow(item)}
        onReadAll={() => hub.send({ type: 'read', ids: 'all' })}
        onAllow={() => void permission.ask()}
        onClose={() => {
          this.close();
          this._before?.focus();
        }}
        words={words}
      />
    );
  }

  private _follow(item: InboxItem): void {
    const { hub, jump } = this._options;
    this.close();
    if (!item.read) {
      hub.send({ type: 'read', ids: [item.id] });
    }
    jump(item.origin);
  }

  private _onPointerDown = (event: Event): void => {
    const target = event.target as Node;
    // What opened it closes it by itself.
    if (this._widget?.node.contains(target) === false && !this._anchor?.contains(target)) {
      this.close();
    }
  };

  private readonly _changed = new Signal<this, void>(this);
  private readonly _toggled = new Signal<this, void>(this);
  private _widget: Widget | null = null;
  private _anchor: HTMLElement | null = null;
  private _before: HTMLElement | null = null;
}
