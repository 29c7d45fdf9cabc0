// What `make lint` asks of the desk's page, beyond its types.
import js from "@eslint/js";
import globals from "globals";

const HOSTILE = "Names and notes are hostile: let Preact write text.";

export default [
  { ignores: ["**/vendor/**"] },
  js.configs.recommended,
  {
    languageOptions: { globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: true },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "write"].map((property) => ({ property, message: HOSTILE })),
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "Identifier[name='dangerouslySetInnerHTML']", message: HOSTILE },
        { selector: "TemplateElement[value.raw=/dangerouslySetInnerHTML/]", message: HOSTILE },
        { selector: "TemplateElement[value.raw=/ style=/]", message: "The policy forbids inline styles: use a class." },
      ],
    },
  },
];
