/** How the components say something: JupyterLab's translation bundle has this shape. */
export interface IWords {
  /** The translation of a text, with %1, %2 … replaced. */
  __(text: string, ...values: (string | number)[]): string;
  /** The same for a number of things: `one` for 1, else `many`; %1 is the number itself. */
  _n(one: string, many: string, count: number, ...values: (string | number)[]): string;
}

/** The words as they are written here, for places without a translator. */
export const english: IWords = {
  __: (text, ...values) =>
    text.replace(/%(\d)/g, (_, place: string) => String(values[Number(place) - 1] ?? '')),
  _n: (one, many, count, ...values) => english.__(count === 1 ? one : many, count, ...values)
};

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

/**
 * A text from an operation for use inside a sentence, where no element can keep its direction from its neighbours':
 * right-to-left text is put between isolating characters.
 */
export function isolate(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}
