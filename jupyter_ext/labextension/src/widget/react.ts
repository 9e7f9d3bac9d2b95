/**
 * What the components take from React, by Preact: `scripts/widget.mjs` puts this module in React's place, so that the
 * widget is small. The whole of preact/compat would add 3.5 kB that none of them needs.
 */
export { createElement, Fragment } from 'preact';
export { useEffect, useReducer, useRef, useState } from 'preact/hooks';

interface IContext<T> {
  readonly value: T;
}

/** A context that keeps its default: in the widget nothing provides another value. */
export function createContext<T>(value: T): IContext<T> {
  return { value };
}

export function useContext<T>({ value }: IContext<T>): T {
  return value;
}
