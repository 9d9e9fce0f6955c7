// Puts the objects that `plasmoscope analyze` found onto the photograph that is open in QuPath, and counts them by class.
//
// Write the report's folder below and run it from QuPath's script editor ("Run", or "Run for project" for all photographs
// of a slide), or from a command line: QuPath script --image PHOTOGRAPH --args REPORT open_report.groovy
//
// For research use only; not a medical device. A qualified microscopist must confirm every result.

def report = '/where/report-17'
if (binding.hasVariable('args') && args) report = args[0]

// Files are called by the photograph's place on the slide and the letters of its name: 001-field_1.geojson
def photograph = getCurrentServer().getMetadata().getName()
def dot = photograph.lastIndexOf('.')
def letters = (dot > 0 ? photograph.substring(0, dot) : photograph).replaceAll(/(?U)[^\w-]+/, '_')
letters = letters.take(40).replaceAll(/^_+|_+$/, '')
def fields = new File(report, 'fields')
if (!fields.isDirectory()) {
    throw new FileNotFoundException("${fields} does not exist. Write the folder of a report into the script.")
}
def fitting = fields.listFiles().findAll { it.name.replaceFirst(/^\d{3,}-/, '') == letters + '.geojson' }
if (fitting.size() != 1) {
    println "${photograph}: ${fitting.size()} files of the report fit its name. Drop the right one of ${fields} on it."
    return
}

importObjectsFromFile(fitting[0].path)

def counts = getAnnotationObjects().countBy { String.valueOf(it.getPathClass()) }
println "${photograph}: ${counts.values().sum(0)} objects"
counts.sort().each { name, number -> println "${name}: ${number}" }
println 'For research use only; not a medical device.'
