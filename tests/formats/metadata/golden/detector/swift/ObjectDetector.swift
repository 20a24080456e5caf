// Written by `litesmith metadata wrap` for detector.tflite.
import CoreGraphics
import Foundation
import TensorFlowLite

/// Identify which of a known set of objects might be present and provide information about their positions within the given image or a video stream.
public final class ObjectDetector {
  /// What went wrong, in words.
  public struct Failure: Error {
    public let message: String
  }

  /// A row of detection_result.
  public struct DetectionResult {
    public let location: [Float]
    public let category: String
    public let score: Float
  }

  /// What the model gives. Arrays are in row-major order.
  public struct Outputs {
    public let detectionResult: [DetectionResult]
  }

  private let interpreter: Interpreter
  private let labels1: [String]
  private let displayNames1: [String]

  /// The labels of category, in the locale asked for.
  public var labelsOfCategory: [String] { displayNames1 }

  /// Loads the model at a path. locale: of the display names of labels.
  public init(path: String, locale: String = "", options: Interpreter.Options? = nil) throws {
    interpreter = try Interpreter(modelPath: path, options: options)
    guard interpreter.inputTensorCount == 1, interpreter.outputTensorCount == 4 else {
      throw Failure(message: "this is another model than the wrapper was written for")
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    let files1: [String: String] = [:]
    labels1 = try ObjectDetector.associatedLines(bytes, "labels.txt")
    displayNames1 = try ObjectDetector.associatedLines(bytes, files1[locale, default: "labels.txt"])
    try interpreter.allocateTensors()
  }

  /// Runs the model.
  ///
  /// - Parameter image: image of any size; Input image to be detected.
  public func run(image: CGImage) throws -> Outputs {
    try interpreter.copy(prepare0(image), toInputAt: 0)
    try interpreter.invoke()
    return Outputs(
      detectionResult: try rowsOfDetectionResult()
    )
  }

  private func prepare0(_ image: CGImage) throws -> Data {
    let width = 2
    let height = 2
    var pixels = [UInt8](repeating: 0, count: 4 * width * height)
    let drawn = pixels.withUnsafeMutableBytes { memory -> Bool in
      guard let context = CGContext(
        data: memory.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width,
        space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
      else { return false }
      context.interpolationQuality = .low
      context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
      return true
    }
    guard drawn else { throw Failure(message: "the image cannot be drawn") }
    var values = [Float]()
    values.reserveCapacity(3 * width * height)
    for start in stride(from: 0, to: pixels.count, by: 4) {
      values.append((Float(pixels[start + 0]) - 1.0) / 2.0)
      values.append((Float(pixels[start + 1]) - 2.0) / 4.0)
      values.append((Float(pixels[start + 2]) - 3.0) / 8.0)
    }
    return values.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  private func fetch0() throws -> [Float] {
    let stored = try interpreter.output(at: 0).data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    return stored
  }

  private func fetch1() throws -> [Float] {
    let stored = try interpreter.output(at: 1).data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    return stored
  }

  private func fetch2() throws -> [Float] {
    let stored = try interpreter.output(at: 2).data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    return stored
  }

  private func fetch3() throws -> [Float] {
    let stored = try interpreter.output(at: 3).data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    return stored
  }

  private func rowsOfDetectionResult() throws -> [DetectionResult] {
    let location = try fetch0()
    let category = try fetch1()
    let score = try fetch2()
    var rows = try interpreter.output(at: 0).shape.dimensions[1]
    rows = min(rows, Int(try fetch3()[0]))
    return (0..<rows).map { row in
      DetectionResult(
        location: Array(location[row * 4..<(row + 1) * 4]),
        category: name(displayNames1, category[row]),
        score: score[row]
      )
    }
  }

  private func name(_ names: [String], _ value: Float) -> String {
    let index = Int(value)
    return names.indices.contains(index) ? names[index] : String(index)
  }

  /// The lines of a file in the archive behind the model, whose members are stored as they are.
  private static func associatedLines(_ bytes: Data, _ name: String) throws -> [String] {
    func number(_ at: Int, _ size: Int) -> Int {
      (0..<size).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }
    func text(_ start: Int, _ length: Int) -> String {
      String(decoding: bytes[start..<start + length], as: UTF8.self)
    }
    guard let end = stride(from: bytes.count - 22, through: 0, by: -1).first(where: { number($0, 4) == 0x0605_4b50 }) else {
      throw Failure(message: "the model has no associated files")
    }
    var at = number(end + 16, 4)
    for _ in 0..<number(end + 10, 2) {
      let length = number(at + 28, 2)
      if text(at + 46, length) == name {
        let local = number(at + 42, 4)
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2)
        var content = text(start, number(at + 24, 4)).replacingOccurrences(of: "\r\n", with: "\n")
        if content.hasPrefix("\u{FEFF}") { content.removeFirst() }
        if content.hasSuffix("\n") { content.removeLast() }
        return content.components(separatedBy: "\n")
      }
      at += 46 + length + number(at + 30, 2) + number(at + 32, 2)
    }
    throw Failure(message: "the model has no associated file \(name)")
  }
}
