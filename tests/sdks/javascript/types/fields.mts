// What a model's type says of its fields, in the form of tests/vectors/sdk_fields.json. For each
// model there a line is added, `export const Task: Fields<kyros.Task> = {"id": false, …}`: it does
// not pass where the type lacks a field, has one too many, or is wrong about what may be missing.
import type * as kyros from '@kyros/sdk';

type OrNone<Value> = null extends Value ? true : undefined extends Value ? true : false;

/** Each field in the API's spelling, and whether it may be null or missing. */
export type Fields<Model> = {
  [Name in keyof Model as Name extends Lowercase<Name & string> ? Name : never]-?: OrNone<Model[Name]>;
};
