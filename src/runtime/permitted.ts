/** Whether a permission is given; asks nobody. */
export function permitted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}
