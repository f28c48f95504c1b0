import { Command } from 'commander';

/** `berth schema`: the JSON Schema of a values file, on stdout. */
export function schemaCommand(): Command {
  return new Command('schema').description('Print the JSON Schema of a values file').action(async () => {
    const { valuesJsonSchemaText } = await import('../values/json-schema.ts');
    process.stdout.write(valuesJsonSchemaText());
  });
}
