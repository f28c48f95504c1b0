// By name: what is imported as a whole is bundled as a whole, and the rest of client-node is 3 MB that nobody calls.
export { KubeConfig } from '@kubernetes/client-node';
