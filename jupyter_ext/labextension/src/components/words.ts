/** How the components say something: JupyterLab's translation bundle has this shape. */
export interface IWords {
  /** The translation of a text, with %1, %2 … replaced. */
  __(text: string, ...values: (string | number)[]): string;
}

/** The words as they are written here, for places without a translator. */
export const english: IWords = {
  __: (text, ...values) =>
    text.replace(/%(\d)/g, (_, place: string) => String(values[Number(place) - 1] ?? ''))
};
