/**
 * Where a process is in its life. `starting`: not ready yet. `serving`. `leaving`: everything is still served, but peers
 * and proxies are told to go elsewhere. `closing`: nothing new is taken; what is there is brought to its end.
 */
export type Phase = 'starting' | 'serving' | 'leaving' | 'closing';
