import * as React from 'react';
import type UPlot from 'uplot';

/** The theme's colours, for a canvas, which knows no variables of CSS. */
export interface IColors {
  readonly page: string;
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly fill: string;
  readonly bad: string;
  readonly warn: string;
  readonly font: string;
}

/** Changes with the theme, so that plots are drawn anew. */
export const ThemeContext = React.createContext('');

/** What a plot shows; the rest is the same for all. */
export type Drawing = Pick<UPlot.Options, 'scales' | 'series' | 'axes'> &
  Partial<Pick<UPlot.Options, 'hooks' | 'cursor' | 'padding'>> & { data: UPlot.AlignedData };

interface IPlotProps {
  /** What it shows, in words. */
  readonly label: string;
  readonly height: number;
  /** Keep it the same (`useCallback`) as long as what it draws is the same. */
  readonly draw: (colors: IColors) => Drawing;
  /** Changes when the same thing is to be drawn again, because time has passed. */
  readonly beat?: number;
  readonly onClick?: ((place: number) => void) | undefined;
}

/** A plot on a canvas, as wide as there is room. The library comes with the first one. */
export function Plot({ label, height, draw, beat, onClick }: IPlotProps): React.JSX.Element {
  const box = React.useRef<HTMLDivElement>(null);
  const theme = React.useContext(ThemeContext);
  const [failed, setFailed] = React.useState(false);
  const clicked = React.useRef(onClick);
  clicked.current = onClick;
  const drawn = React.useRef<UPlot | null>(null);
  // With its data it scales anew, too.
  React.useEffect(() => drawn.current?.setData(drawn.current.data), [beat]);
  React.useEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    let chart: UPlot | null = null;
    let gone = false;
    const sizes = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (chart !== null && width > 0 && width !== chart.width) {
        chart.setSize({ width, height });
      }
    });
    import('uplot').then(
      ({ default: Chart }) => {
        if (gone) {
          return;
        }
        const colors = colorsOf(element);
        const { data, axes, cursor, ...rest } = draw(colors);
        const width = Math.max(1, element.clientWidth);
        chart = new Chart(
          {
            width,
            height,
            legend: { show: false },
            cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, ...cursor },
            axes: (axes ?? []).map(axis => styled(axis, colors)),
            ...rest
          },
          data,
          element
        );
        drawn.current = chart;
        chart.over.addEventListener('click', () => {
          const place = chart?.cursor.idx;
          if (typeof place === 'number') {
            clicked.current?.(place);
          }
        });
        sizes.observe(element);
      },
      () => setFailed(true)
    );
    return () => {
      gone = true;
      sizes.disconnect();
      drawn.current = null;
      chart?.destroy();
    };
  }, [draw, height, theme]);
  return (
    <div
      ref={box}
      className={`pk-plot${onClick === undefined ? '' : ' pk-plot-clickable'}`}
      role="img"
      aria-label={label}
      style={{ height }}
    >
      {failed && <p className="pk-empty">{label}</p>}
    </div>
  );
}

function styled(axis: UPlot.Axis, colors: IColors): UPlot.Axis {
  return {
    stroke: colors.quiet,
    font: `11px ${colors.font}`,
    ticks: { show: false },
    gap: 6,
    ...axis,
    grid: { stroke: colors.line, width: 1, ...axis.grid }
  };
}

function colorsOf(element: HTMLElement): IColors {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim() || style.color;
  return {
    page: read('--jp-layout-color1'),
    text: read('--jp-ui-font-color1'),
    quiet: read('--jp-ui-font-color2'),
    line: read('--jp-border-color3'),
    fill: read('--jp-brand-color1'),
    bad: read('--jp-error-color1'),
    warn: read('--jp-warn-color1'),
    font: style.fontFamily || 'sans-serif'
  };
}
