/** The image under test. */
export function imageUnderTest(): string {
  return imageOf('BERTH_IMAGE', 'the image under test');
}

/** The image of test/fixtures/cluster-lab. */
export function labImage(): string {
  return imageOf('BERTH_LAB_IMAGE', 'the image of test/fixtures/cluster-lab');
}

/** The image of an example: everything, everything-alone or python. */
export function exampleImage(name: string): string {
  return `${imageOf('BERTH_EXAMPLE_IMAGES', 'the images of examples/, up to the name of each')}${name}:test`;
}

/** An image's name without its tag, and the tag. */
export function splitImage(image: string): readonly [repository: string, tag: string] {
  const colon = image.lastIndexOf(':');
  if (colon <= image.lastIndexOf('/')) return [image, 'latest'];
  return [image.slice(0, colon), image.slice(colon + 1)];
}

function imageOf(variable: string, what: string): string {
  const image = process.env[variable];
  if (image === undefined) throw new Error(`${variable} must name ${what}: run these with npm run test:cluster`);
  return image;
}
