// What the widespread Express tutorial's services have in common, with its faults: `jwt.verify` with neither algorithms nor
// issuer, audience and type, the cookie before the header, errors that tell what was wrong.
//
// Written for these tests after the contract that many public copies share; its people are in memory, and it ends when its stdin does.
import { scryptSync, timingSafeEqual } from "node:crypto";
import cookieParser from "cookie-parser";
import express from "express";
import jwt from "jsonwebtoken";

export class ApiResponse {
  constructor(statusCode, data, message = "Success") {
    Object.assign(this, { statusCode, data, message, success: statusCode < 400 });
  }
}

export class ApiError extends Error {
  constructor(statusCode, message = "Something went wrong", errors = []) {
    super(message);
    Object.assign(this, { statusCode, data: null, success: false, errors });
  }
}

export const asyncHandler = (handler) => (req, res, next) => Promise.resolve(handler(req, res, next)).catch(next);

const hash = (password) => scryptSync(password, "one salt for tests", 32);

/** A person: the tests on the other side know the same one. */
const people = [
  {
    _id: "65a1b2c3d4e5f60718293a4b",
    username: "alice",
    email: "alice@example.com",
    fullName: "Alice Example",
    avatar: "https://app.example/alice.png",
    coverImage: "",
    watchHistory: [],
    password: hash("correct horse battery staple"),
    refreshToken: undefined,
  },
];

export const findById = (_id) => people.find((one) => one._id === _id);
export const findOne = ({ username, email }) =>
  people.find((one) => (username && one.username === username) || (email && one.email === email));
export const isPasswordCorrect = (user, password) => timingSafeEqual(user.password, hash(password));
export const select = ({ password, refreshToken, ...rest }) => rest;

export const verifyJWT = asyncHandler(async (req, _res, next) => {
  try {
    const token = req.cookies?.accessToken || req.header("Authorization")?.replace("Bearer ", "");
    if (!token) throw new ApiError(401, "Unauthorized request");
    const decoded = jwt.verify(token, process.env.ACCESS_TOKEN_SECRET);
    const user = findById(decoded?._id);
    if (!user) throw new ApiError(401, "Invalid Access Token");
    req.user = select(user);
    next();
  } catch (error) {
    throw new ApiError(401, error?.message || "Invalid access token");
  }
});

export const currentUser = asyncHandler(async (req, res) =>
  res.status(200).json(new ApiResponse(200, req.user, "Current user fetched successfully")),
);

/** An application with these routes of users on a free port of this machine; their address is its first line. */
export function serve(addRoutes) {
  const app = express();
  const users = express.Router();
  addRoutes(users);
  app.use(express.json({ limit: "16kb" }), express.urlencoded({ extended: true, limit: "16kb" }), cookieParser());
  app.use("/api/v1/users", users);
  app.use((error, _req, res, _next) => {
    const { statusCode = 500, data = null, message, success = false, errors = [] } = error;
    res.status(statusCode).json({ statusCode, data, message, success, errors });
  });
  const server = app.listen(0, "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${server.address().port}/api/v1/users`);
  });
  process.stdin.resume().on("end", () => process.exit());
}
