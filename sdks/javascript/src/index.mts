// The same for `import`: one copy of every class, however a program's parts load it.

export * from './index.js';
