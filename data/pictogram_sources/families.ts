/**
 * Which pictures show nearly the same, so that all of them must be in one split: the rule, and series of pictures that
 * differ in a detail.
 * @module
 */

const COLOUR =
  "(hollow |light )?(red|orange|yellow|green|blue|purple|pink|brown|black|white|grey)( (large|medium|medium-small|small))?";

/** Series by the labels of their pictures. */
const SERIES: readonly RegExp[] = [
  /\bcat\b/,
  /^grinning (squinting )?face/,
  /^kissing face/,
  /face with tongue$/,
  /^smiling face( with smiling eyes)?$/,
  /\bface with horns$/,
  /^(hushed|astonished) face$/,
  /^(frowning face with open mouth|anguished face)$/,
  /hand over mouth$/,
  /^(two|revolving) hearts$/,
  /(speech|thought) balloon$|(speech|anger) bubble$/,
  /o’clock$|-thirty$/,
  /\bmoon( face)?$/,
  /^keycap: /,
  new RegExp(`^${COLOUR} heart$|^heart suit$`),
  new RegExp(`^${COLOUR} circle$`),
  new RegExp(`^${COLOUR} square( button)?$`),
  /^(large|small) (orange|blue) diamond$/,
  /^red triangle pointed/,
  /^(up|down|left|right)(-(up|down|left|right))? arrow$/,
  /arrow curving/,
  /^(BACK|END|ON!|SOON|TOP) arrow$/,
  /^(play|reverse|upwards|downwards) button$/,
  /^fast\b.* button$/,
  /^(next|last) track button$/,
  /^repeat\b.* button$/,
  /^input /,
  /^([A-Z]{1,4}!?|Japanese “.*”) button$/,
  /^(star of David|dotted six-pointed star)$/,
  /^(latin|orthodox) cross$/,
  /post office$/,
  /^(ram|ewe)$/,
  /^(spouting )?whale$/,
  /^(ox|water buffalo)$/,
  /(question|exclamation) mark$/,
  /\(blood type\)$/,
  /^(female|male|transgender) (sign|symbol)$/,
  /^(men’s room|women’s room|restroom)$/,
  /^(closed|green|blue|orange) book$/,
  /^(\d\w\w place|sports) medal$/,
  /^magnifying glass/,
  /mailbox with/,
  /^(muted speaker|speaker (low|medium|high) volume)$/,
  /banknote$/,
  /^globe showing/,
  /index pointing (left|right|up|down)$|^index pointing up$/,
  /(-facing|oncoming) fist$/,
  /^(left|right)wards (pushing )?hand$/,
  /^palm (up|down) hand$/,
  /^thumbs (up|down)$/,
  /^ear\b(?! of)/,
  /^busts? in silhouette$/,
  /-no-evil monkey$/,
  /baby chick$/,
  /^sun behind/,
  /^cloud with/,
  /^hourglass/,
  /^(un)?locked\b/,
  /^chart (in|de)creasing/,
  /^page (with|facing)/,
  /traffic light$/,
  /^snowman/,
  /^((incoming )?envelope( with arrow)?|e-mail)$/,
  /^(in|out)box tray$/,
  /^((tear-off |spiral )?calendar|spiral notepad)$/,
  /^(manual|motorized) wheelchair$/,
  /^person in (manual|motorized) wheelchair|^(man|woman) in (manual|motorized) wheelchair/,
  /^(red|green) apple$/,
  /^bell\b( with slash)?$/,
  /^musical notes?$/,
  /^(low )?battery$/,
  /^camera\b/,
  /^mobile phone( with arrow| off)?$|^vibration mode$/,
  /^check (mark|box)/,
  /^cross mark/,
  /^(open )?file folder$/,
  /beer mugs?$/,
  /^(dim|bright) button$/,
  /^(boy|girl|child)$/,
  /^(santa|mrs\.|mx) claus$/i,
  /^(prince|princess|person with crown)$/,
  /^mer(person|man|maid)$/,
  /^family\b/,
  /^(person|man|woman) (frowning|pouting)$/,
  /^(kiss|couple with heart)\b(?! mark)/,
  /^(person|man|woman) (mountain )?biking$/,
  /^breast-feeding$|feeding baby$/,
];

/**
 * The key of a concept's family. One series is one family. People are one family in all genders, hair and directions: what
 * follows a colon and the words for a person are taken off their labels. An animal and its face are one.
 */
export function familyOf(concept: string, category: string): string {
  const series = SERIES.findIndex((pattern) => pattern.test(concept));
  if (series >= 0) return `series ${series}`;
  if (category === "animals-nature") return concept.replace(/ face$/, "");
  if (category !== "people-body") return concept;
  const words = concept.replace(/:.*$/, "").replace(
    /\b(woman and )?(old |older )?(person|people|man|men|woman|women)\b/g,
    "",
  );
  return `people ${words.trim().replace(/\s+/g, " ")}`;
}
