import eslint from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** Rooms may import only those below them; what a room must not see, and why. */
function room(files, forbidden, extra = []) {
  return {
    files: [`src/${files}/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: forbidden
                .map(name => `../${name}`)
                .concat(forbidden.map(name => `../${name}/**`)),
              message: `${files}: imports point down only (components → model → protocol, client → model and protocol, plugins → all).`
            },
            ...extra
          ]
        }
      ]
    }
  };
}

const withoutJupyterLab = {
  group: ['@jupyterlab/*'],
  message: 'Components also run outside JupyterLab: what they need of it comes in as props.'
};

/** The recommended rules of a plugin, each as an error. */
function strict(configs) {
  return configs.map(config => ({
    ...config,
    rules: Object.fromEntries(
      Object.entries(config.rules ?? {}).map(([name, level]) => [
        name,
        level === 'off' ? 'off' : 'error'
      ])
    )
  }));
}

export default tseslint.config(
  { ignores: ['lib', 'node_modules', 'src/protocol/types.ts'] },
  { plugins: { jupyter } },
  {
    // Not the settings schema, which the Jupyter plugin reads with a parser of its own.
    files: ['**/*.{ts,tsx,mts,js,mjs}'],
    extends: [eslint.configs.recommended, ...tseslint.configs.strictTypeChecked],
    plugins: { 'react-hooks': hooks },
    languageOptions: {
      parserOptions: {
        project: './tsconfig.test.json',
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      ...hooks.configs.recommended.rules,
      'react-hooks/exhaustive-deps': 'error',
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn'] }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-function-return-type': ['error', { allowExpressions: true }],
      // Numbers in texts are what this extension is about.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // An arrow that only forwards a call reads better without braces.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Lumino's signals take the receiver beside the method: `signal.connect(this._onChanged, this)`.
      '@typescript-eslint/unbound-method': 'off'
    }
  },
  ...strict(jupyter.configs.recommended),
  room('protocol', ['model', 'client', 'components', 'plugins', 'widget', 'page']),
  room('model', ['client', 'components', 'plugins', 'widget', 'page'], [withoutJupyterLab]),
  room('components', ['client', 'plugins', 'widget', 'page'], [withoutJupyterLab]),
  room('client', ['components', 'plugins', 'widget', 'page']),
  room('widget', ['client', 'plugins', 'page'], [withoutJupyterLab]),
  room('page', ['widget'], [withoutJupyterLab]),
  {
    files: ['src/index.ts', 'src/plugins/**'],
    rules: {
      // The extension is one bundle of 100 kB, and all of it is needed to draw the first bar.
      'jupyter/prefer-lazy-imports': 'off'
    }
  },
  {
    files: ['tests/**'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/explicit-function-return-type': 'off'
    }
  },
  {
    files: ['**/*.mjs', '**/*.js', '**/*.mts'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { URL: 'readonly', process: 'readonly', console: 'readonly' } },
    rules: { 'no-console': 'off', '@typescript-eslint/explicit-function-return-type': 'off' }
  }
);
